/** The limits of a user: a row of the PLANS setting. A limit of 0 is switched off. */
export interface Plan {
  readonly name: string;
  readonly requestsPerHour: number;
  /** Connections of one user at the same time. */
  readonly connections: number;
}

/** The plans by name, and the one for users without a plan. */
export interface PlanTable {
  readonly plans: ReadonlyMap<string, Plan>;
  readonly fallback: Plan;
}

/** The plan called `name`; the fallback without a name, or for one that is no longer in the table. */
export function planNamed(table: PlanTable, name: string | undefined): Plan {
  return (name === undefined ? undefined : table.plans.get(name)) ?? table.fallback;
}
