export function GET(asked) {
  return Response.json({ path: new URL(asked.url).pathname, language: asked.headers.get("accept-language") });
}

export const dynamic = "force-dynamic";
