import { accountContract } from "../../../contracts/accounts.ts";
import { openSubject } from "../store-subject.ts";

accountContract("sqlite", async (clock) => {
  const { subject, ...rest } = await openSubject("accounts", clock);
  return { accounts: subject, ...rest };
});
