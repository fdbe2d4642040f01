import { apiKeyContract } from "../../../contracts/api-keys.ts";
import { openSubject } from "../store-subject.ts";

apiKeyContract("sqlite", async (clock) => {
  const { subject, ...rest } = await openSubject("apiKeys", clock);
  return { apiKeys: subject, ...rest };
});
