// What the build decided, as data: see src/config/built.rs.
import built from "../../build/usher.bin";

/** The data that the gateway reads when it starts. */
export const data = () => new Uint8Array(built);
