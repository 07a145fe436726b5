import { match } from "@formatjs/intl-localematcher";
import Negotiator from "negotiator";
import { worker } from "./speaking.mjs";
export default worker((header, supported) => {
  const wanted = new Negotiator({ headers: { "accept-language": header } }).languages().filter((tag) => tag !== "*");
  return match(wanted, supported, "en", { algorithm: "best fit" });
});
