// Workers that find the language with what npm offers, and answer as Usher does.
const supported = ["en", "de", "es", "fr", "ja", "ar", "en-GB", "es-419", "zh-Hans", "zh-Hant", "pt", "pt-PT", "it", "nl", "pl", "ru", "tr", "ko", "hi", "fa"];

/** A worker whose `find` gives a locale for a header. */
export const worker = (find) => ({
  fetch(request) {
    const locale = find(request.headers.get("accept-language") ?? "", supported);
    return new Response("hello", { headers: { "content-type": "text/plain", "content-language": locale, vary: "Accept-Language" } });
  },
});
