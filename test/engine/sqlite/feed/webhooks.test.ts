import { webhookContract } from "../../../contracts/feed/webhooks.ts";
import { openSubject } from "../store-subject.ts";

webhookContract("sqlite", async (clock) => {
  const { subject, ...rest } = await openSubject("webhooks", clock);
  return { webhooks: subject, ...rest };
});
