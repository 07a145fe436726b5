// Django: its admin, forms that compare Origin with the host they see, languages in the path.
import assert from "node:assert/strict";
import { test } from "node:test";
import { join } from "node:path";
import { Behind, python } from "./apps.mjs";
import { folder } from "../e2e/harness.mjs";

/** Takes out of a text what Django draws anew for each answer. */
const hide = (text) =>
  text
    .replace(/(csrftoken|sessionid)=\w+/g, "$1=...")
    .replace(/expires=[^;]+|^expires: .*/, "expires=...")
    .replace(/name="csrfmiddlewaretoken" value="\w+"/g, "")
    .replace(/content="\w+" name="csrf"/g, "");
const form = (fields) => new URLSearchParams(fields).toString();
const set = (answer, name) => answer.headers["set-cookie"].find((line) => line.startsWith(`${name}=`)).split(";")[0];

for (const [host, env] of [["forwarded", { FORWARDED_HOST: "1" }], ["origin", {}]]) {
  test(`Django, as host = "${host}" addresses it, answers through Usher what it answers directly`, async (t) => {
    const dir = folder();
    const app = await Behind.start({
      command: [python, join("django", "pages.py"), "0"],
      env: { ...env, DATABASE: join(dir.path, "db.sqlite3"), PYTHONUNBUFFERED: "1", PYTHONDONTWRITEBYTECODE: "1" },
      says: /development server at http:\/\/127\.0\.0\.1:(\d+)/,
      host,
    });
    t.after(async () => {
      await app.stop();
      dir.remove();
    });
    const same = (path, asked) => app.same(path, { hide, ...asked });

    // Languages are its own: it redirects to one, and the page that it redirects to is a page.
    for (const language of ["de", "en"]) {
      const away = await same("/hello/", { headers: { "accept-language": language } });
      assert.deepEqual([away.status, away.headers.location], [302, `/${language}/hello/`]);
      const page = await same(away.headers.location);
      assert.deepEqual([page.status, page.headers["content-language"]], [200, language]);
    }
    await same("/en/hello");
    await same("/en/hello/", { headers: { "accept-encoding": "gzip" } });
    await app.same("/nowhere", { hide: (text) => text.replace(/^etag: .*/, "") });
    assert.equal((await same("/absolute")).headers.location, `${app.usher}/plain`);

    // 304, by date and by tag.
    await app.kept("/static/admin/css/base.css");
    const plain = await same("/plain");
    assert.equal((await same("/plain", { headers: { "if-none-match": plain.headers.etag } })).status, 304);

    // The admin: sign in, add somebody, find them.
    const login = "/en/admin/login/?next=/en/admin/";
    assert.equal((await same("/en/admin/")).headers.location, login);
    const page = await same(login);
    const [, token] = page.text.match(/name="csrfmiddlewaretoken" value="(\w+)"/);
    const csrf = set(page, "csrftoken");
    const post = (path, fields, cookie, headers) =>
      same(path, {
        method: "POST",
        body: form({ csrfmiddlewaretoken: token, ...fields }),
        headers: { cookie, "content-type": "application/x-www-form-urlencoded", ...headers },
      });
    const person = { username: "ada", password: "analytical", next: "/en/admin/" };
    const own = { origin: "BASE", referer: `BASE${login}` };
    const signed = await post(login, person, csrf, own);
    assert.deepEqual([signed.status, signed.headers.location], [302, "/en/admin/"]);
    assert.equal((await post(login, { ...person, password: "wrong" }, csrf, own)).status, 200);
    assert.equal((await post(login, person, csrf, { origin: "https://elsewhere.example" })).status, 403, "what is from elsewhere stays foreign");
    assert.equal((await post(login, person, "csrftoken=another", own)).status, 403);
    const cookie = `${csrf}; ${set(signed, "sessionid")}`;
    const home = await same("/en/admin/", { headers: { cookie } });
    assert.match(home.text, /Site administration/);
    const add = "/en/admin/auth/user/add/";
    const fields = { username: "bob", usable_password: "true", password1: "a-long-secret-7", password2: "a-long-secret-7", _save: "Save" };
    // Somebody is added once: through Usher.
    const added = await app.ask(app.usher, add, {
      method: "POST",
      body: form({ csrfmiddlewaretoken: token, ...fields }),
      headers: { cookie, origin: "BASE", "content-type": "application/x-www-form-urlencoded" },
    });
    assert.deepEqual([added.status, added.headers.location], [302, "/en/admin/auth/user/2/change/"]);
    assert.equal((await post(add, fields, cookie, own)).status, 200, "a name that is taken");
    assert.match((await same("/en/admin/auth/user/?q=bob", { headers: { cookie } })).text, /bob/);
  });
}
