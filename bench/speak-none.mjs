import { worker } from "./speaking.mjs";
export default worker(() => "en");
