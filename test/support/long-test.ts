import { test } from "bun:test";
import { isLong } from "./random.ts";

/**
 * Registers a test that takes much processor time, in the long form only (`npm run test:long`). Another test of the short form
 * holds its promise (docs/decisions/0035-processor-time-of-the-tests.md).
 */
export const longTest: (...definition: Parameters<typeof test>) => void = isLong ? test : () => {};
