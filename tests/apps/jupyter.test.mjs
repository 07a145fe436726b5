// JupyterLab, whose web sockets compare Origin with the Host they see.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { on, once } from "node:events";
import { after, before, test } from "node:test";
import { WebSocket } from "ws";
import { Behind, python } from "./apps.mjs";
import { folder } from "../e2e/harness.mjs";

const token = "0123456789abcdef";
const headers = { authorization: `token ${token}` };
let app, dir, kernel, cookie;

before(async () => {
  dir = folder();
  app = await Behind.start({
    command: [
      python, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0",
      `--ServerApp.root_dir=${dir.path}`, `--IdentityProvider.token=${token}`, "--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ],
    env: { JUPYTER_PLATFORM_DIRS: "1", PYTHONDONTWRITEBYTECODE: "1", IPYTHONDIR: dir.path, JUPYTER_CONFIG_DIR: dir.path, JUPYTER_DATA_DIR: dir.path, JUPYTER_RUNTIME_DIR: dir.path },
    says: /http:\/\/127\.0\.0\.1:(\d+)\/lab/,
    host: "origin",
  });
  const made = await app.ask(app.usher, "/api/kernels", { method: "POST", body: "{}", headers });
  assert.equal(made.status, 201, made.text);
  kernel = JSON.parse(made.text).id;
  // Who has the token in the request may come from anywhere; who has the cookie may not.
  const page = await app.ask(app.usher, `/lab?token=${token}`);
  cookie = page.headers["set-cookie"].map((line) => line.split(";")[0]).join("; ");
});
after(async () => {
  await app?.stop();
  dir?.remove();
});

/** What Python prints, run by a kernel over a web socket that a page of `origin` opened; or the status of the refusal. */
async function runs(base, code, origin) {
  const socket = new WebSocket(`${base.replace("http", "ws")}/api/kernels/${kernel}/channels`, { headers: { cookie }, origin });
  const refused = once(socket, "unexpected-response").then(([, answer]) => answer.statusCode);
  const first = await Promise.race([once(socket, "open").then(() => "open"), refused]);
  if (first !== "open") return first;
  const asked = { msg_id: randomUUID(), msg_type: "execute_request", session: "s", username: "ada", version: "5.3" };
  socket.send(JSON.stringify({ channel: "shell", header: asked, parent_header: {}, metadata: {}, content: { code, silent: false, store_history: false } }));
  try {
    for await (const [message] of on(socket, "message")) {
      const { msg_type: type, parent_header: parent, content } = JSON.parse(message);
      if (type === "stream" && parent.msg_id === asked.msg_id) return content.text;
    }
  } finally {
    socket.close();
    await once(socket, "close");
  }
}

test("JupyterLab runs Python over a web socket through Usher, as it does directly", async () => {
  for (const base of [app.direct, app.usher]) assert.equal(await runs(base, "print(6 * 7)", base), "42\n");
});

test("JupyterLab refuses through Usher the web socket of a page from elsewhere, as it does directly", async () => {
  for (const base of [app.direct, app.usher]) assert.equal(await runs(base, "print(6 * 7)", "https://elsewhere.example"), 403);
});

test("JupyterLab answers through Usher what it answers directly", async () => {
  const hide = (text) => text.replace(/^etag: .*/, "").replace(/"store_id": \d+/, "").replace(/name="_xsrf" value="[^"]+"/g, "").replace(/_xsrf=[^;]+/, "_xsrf=...").replace(/expires=[^;]+/, "expires=...").replace(/(username-[^=]+)=[^;]+/, "$1=...");
  const page = await app.same("/lab", { headers, hide });
  assert.equal(page.status, 200);
  const [, script] = page.text.match(/src="(\/static\/lab\/main[^"]+)"/);
  await app.kept(script);
  for (const range of ["bytes=0-9", "bytes=-7"]) await app.same(script, { headers: { range } });
  for (const path of ["/", "/lab", "/api", "/login?next=%2Flab", "/api/contents?token=wrong"]) await app.same(path, { hide });
  for (const path of ["/api/contents", "/api/kernelspecs"]) await app.same(path, { headers, hide });
  const file = { method: "PUT", body: JSON.stringify({ type: "file", format: "text", content: "é" }), headers: { ...headers, "content-type": "application/json" } };
  const saved = await app.ask(app.usher, "/api/contents/a.txt", file);
  assert.deepEqual([saved.status, saved.headers.location], [201, "/api/contents/a.txt"]);
  assert.equal((await app.same("/files/a.txt", { headers, hide })).text, "é");
});
