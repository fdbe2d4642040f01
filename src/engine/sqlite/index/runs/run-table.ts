import type { Database } from "bun:sqlite";

// A run covers the messages at the positions `first` to `last` of the log. No two whole runs cover the same position.
//
//   by_seq → by_key → whole → discarded
//
//   by_seq, by_key   is being merged from the whole runs that it covers: the blocks of this table, up to `at_…`
//   whole            is read by look-ups; the messages of `dropped` of its `entries` were removed
//   discarded        was merged into another run, or has no messages any more; its blocks are being deleted

/** The tables of the index. */
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
  /** 0 for a run of newly indexed messages; n + 1 for one that was merged from runs of level n. */
  readonly level: number;
  /** The number of buckets of its keys (key-blocks.ts). */
  readonly buckets: number;
  /** The number of its entries; in the state `by_seq`, of those merged so far. */
  readonly entries: number;
  readonly dropped: number;
  /** While it is being merged: the last merged entry of the seq blocks, and the next bucket. */
  readonly at_conversation: number;
  readonly at_seq: number;
  readonly at_bucket: number;
}

/** Returns all runs, those with the oldest messages first. */
export function readRuns(index: Database): Run[] {
  return index.query("select * from run order by first, id").all() as Run[];
}
