import Negotiator from "negotiator";
import { worker } from "./speaking.mjs";
export default worker((header, supported) => new Negotiator({ headers: { "accept-language": header } }).language(supported) ?? "en");
