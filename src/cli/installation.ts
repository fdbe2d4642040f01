import { fileURLToPath } from "node:url";

// How this Parley is installed. The single binary replaces this module (packages/binary/build.ts).

/** Parley's own folder; undefined in the single binary, which has none. */
export const PACKAGE_DIR: string | undefined = fileURLToPath(new URL("../../", import.meta.url));

/** What a person types to call it. */
export const COMMAND: string = "npx parley";
