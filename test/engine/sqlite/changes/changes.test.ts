import { changesContract } from "../../../contracts/changes.ts";
import { openWithMembers } from "../open-with-members.ts";

changesContract("sqlite", openWithMembers);
