import type { Database } from "bun:sqlite";

// A run covers the messages that stand from `first` to `last` in the log. No two whole runs cover the same position.
//
//   by_seq → by_key → whole → discarded
//
//   by_seq, by_key   being made of the whole runs that it covers; which table, and how far (`at_…`)
//   whole            what look-ups read; `dropped` of its `entries` name messages that were removed since
//   discarded        merged into another, or all dropped; its pieces are being deleted

/** The tables of the index's file. */
export const RUN_TABLES = `
  create table if not exists run (
    id integer primary key,
    state text not null,
    first integer not null,
    last integer not null,
    level integer not null,
    buckets integer not null,
    entries integer not null,
    dropped integer not null default 0,
    at_conversation integer not null default 0,
    at_seq integer not null default 0,
    at_bucket integer not null default 0
  );
  create index if not exists run_order on run (state, first);
  create table if not exists by_key (id integer primary key, sum integer not null, entries blob not null);
  create table if not exists by_seq (
    id integer primary key, run integer not null, start integer not null, sum integer not null, places blob not null
  );
  create unique index if not exists by_seq_start on by_seq (run, start);
  create table if not exists cleaned (conversation integer primary key, below integer not null);
`;

export type RunState = "by_seq" | "by_key" | "whole" | "discarded";

/** A row of the table `run`. */
export interface Run {
  readonly id: number;
  readonly state: RunState;
  /** The positions that it covers. */
  readonly first: number;
  readonly last: number;
  /** 0 for one that was taken in, one more for one made of several of the level below. */
  readonly level: number;
  /** Into how many pieces its keys are divided, by their value. */
  readonly buckets: number;
  /** Messages that it names; while it is made, by seq, so far. */
  readonly entries: number;
  readonly dropped: number;
  /** While it is made: the last entry by seq that it has, and the next bucket. */
  readonly at_conversation: number;
  readonly at_seq: number;
  readonly at_bucket: number;
}

/** All runs, the oldest messages first. */
export function readRuns(index: Database): Run[] {
  return index.query("select * from run order by first, id").all() as Run[];
}
