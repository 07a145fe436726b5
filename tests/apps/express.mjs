// An Express application: a page, JSON, a file, a form, cookies, redirects, a stream.
import express from "express";
import { join } from "node:path";

const app = express();
app.set("trust proxy", true);
app.use(express.static(join(import.meta.dirname, "next", "public")));
app.get("/", (_, answer) => answer.send("<h1>Hello</h1>"));
app.get("/json", (asked, answer) => answer.json({ host: asked.host === asked.query.host, protocol: asked.protocol, words: "é ü 日本" }));
app.get("/moved", (_, answer) => answer.redirect("/json"));
app.get("/absolute", (asked, answer) => answer.redirect(303, `${asked.protocol}://${asked.headers.host}/json`));
app.get("/cookies", (asked, answer) => answer.cookie("theme", "dark", { httpOnly: true, sameSite: "lax" }).append("Set-Cookie", "raw=x y; Path=/").send(asked.headers.cookie ?? "none"));
app.post("/form", express.urlencoded({ extended: false }), (asked, answer) => answer.status(201).location("/things/1").json(asked.body));
app.put("/bytes", express.raw({ type: () => true, limit: "4mb" }), (asked, answer) => answer.type("application/octet-stream").send(asked.body));
app.get("/stream", async (_, answer) => {
  for (const line of ["one\n", "two\n", "three\n"]) answer.write(line);
  answer.end();
});
app.delete("/things/:id", (_, answer) => answer.sendStatus(204));
app.get("/fails", () => {
  throw Object.assign(new Error("on purpose"), { status: 503, expose: true, headers: { "Retry-After": "7" } });
});

const server = app.listen(0, "127.0.0.1", () => console.log(`listening on ${server.address().port}`));
