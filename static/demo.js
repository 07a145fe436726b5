// The demo: asks Usher things and shows what it answers.
import { speak, word } from "./demo-words.js";

const by = (id) => document.getElementById(id);
/** Shows a text in place of the page's own words. */
const show = (id, text) => {
  by(id).removeAttribute("data-say");
  by(id).textContent = text;
};

/** Shows words that the page says in another language when it changes to that. */
const say = (element, key) => {
  element.dataset.say = key;
  element.textContent = word(key);
};

/** What goes wrong is said where people look for an answer. */
const tell = (work) => async (event) => {
  try {
    await work(event);
  } catch (error) {
    by("status").className = "status miss";
    show("status", word("failed", error.message));
  }
};

/** The pretended place goes along as the header that `wrangler dev` reads `request.cf` from. */
function ask(path, options = {}) {
  const place = by("country").value;
  const headers = { accept: "application/json", ...options.headers, ...(place && { "MF-CF-Blob": place }) };
  return fetch(path, { cache: "no-store", redirect: "manual", ...options, headers });
}

const found = /^(x-user-|x-locale|x-country|x-region|x-request-id|x-forwarded-|traceparent|via|cdn-loop)/;

async function look() {
  const answer = await ask("/echo/");
  if (!answer.ok) throw new Error(`/echo/ answered ${answer.status}`);
  const { forwarded, decided } = await answer.json();
  const user = forwarded.headers["x-user-id"] && decodeURIComponent(forwarded.headers["x-user-id"]);
  speak(decided.locale);
  show("way-visitor", [decided.country ?? word("unknown"), decided.colo].filter(Boolean).join(" · "));
  show("way-ticket", user ? `${user} (${decided.identity})` : decided.identity);
  show("way-language", `${decided.locale} (${word(decided.locale_by)})`);
  show("way-region", `${decided.region} (${word(decided.region_by)})`);
  const name = document.createElement("strong");
  name.textContent = user;
  by("who").replaceChildren(...(user ? [`${word("signed")} `, name] : [word("unsigned")]));
  by("sign-in").hidden = Boolean(user);
  by("sign-out").hidden = !user;
  by("headers").replaceChildren(
    ...Object.entries(forwarded.headers).map(([name, value]) => {
      const row = document.createElement("tr");
      const th = document.createElement("th");
      const td = document.createElement("td");
      th.scope = "row";
      th.textContent = name;
      const text = found.test(name) ? td.appendChild(document.createElement("mark")) : td;
      text.textContent = value;
      row.append(th, td);
      return row;
    }),
  );
}

async function load() {
  const answer = await ask("/about", { headers: { accept: "text/html" } });
  const status = answer.headers.get("cache-status") ?? "";
  const hit = /; hit/.test(status);
  show("status", `Cache-Status: ${status}`);
  by("status").className = `status ${hit ? "hit" : "miss"}`;
  say(by("way-cache"), hit ? "hit" : /; stored/.test(status) ? "stored" : "asked");
  if (!answer.ok) throw new Error(`/about answered ${answer.status}`);
  const item = document.createElement("li");
  item.className = hit ? "hit" : "miss";
  say(item, item.className);
  by("history").prepend(item);
  while (by("history").children.length > 12) by("history").lastChild.remove();
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const article = by("page");
  article.replaceChildren(...page.querySelector("main").cloneNode(true).children);
  article.lang = page.documentElement.lang;
  article.dir = page.documentElement.dir;
  article.hidden = false;
}

async function purge() {
  const answer = await ask("/.usher/demo/purge", { method: "POST", body: JSON.stringify({ tags: ["about"] }) });
  const said = await answer.json();
  by("status").className = "status";
  show("status", answer.ok ? word("purged", said.stamped.join(", "), said.max_delay_ms) : word("unpurged", said.detail));
}

function language() {
  return document.cookie.match(/(?:^|; )lang=([^;]*)/)?.[1] ?? "";
}

function mark() {
  for (const button of by("languages").children) button.setAttribute("aria-pressed", String(button.value === language()));
}

by("languages").addEventListener("click", tell(async ({ target }) => {
  if (target.tagName !== "BUTTON") return;
  document.cookie = target.value ? `lang=${target.value}; path=/; max-age=31536000; samesite=lax` : "lang=; path=/; max-age=0";
  mark();
  await look();
  if (!by("page").hidden) await load();
}));

for (const id of ["sign-in", "sign-out"]) {
  by(id).addEventListener("submit", tell(async (event) => {
    event.preventDefault();
    const answer = await ask(by(id).action, { method: "POST", body: new URLSearchParams(new FormData(by(id))) });
    // A redirect that is not followed has no status that a script may see.
    if (answer.type !== "opaqueredirect" && !answer.ok) throw new Error((await answer.json()).detail);
    await look();
  }));
}

by("country").addEventListener("change", tell(look));
by("load").addEventListener("click", tell(load));
by("purge").addEventListener("click", tell(purge));
mark();
tell(look)();
