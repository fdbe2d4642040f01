/** The server and all its threads run on one core, the load generator on the other, as `taskset` names them. */
export const SERVER_CORE = "0";
export const LOAD_CORE = "1";
export const BOTH_CORES = "0,1";
