/** The words before the program's file wherever Bun is started for a user. */
export declare const RUNTIME_FLAGS: readonly string[];
