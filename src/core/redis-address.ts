/** Where Redis is, and as whom to sign in there. */
export interface RedisAddress {
  readonly kind: "standalone" | "sentinel" | "cluster";
  /** One for `standalone`; the sentinels, or some nodes of the cluster, otherwise. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  /** Name under which the sentinels know the primary. */
  readonly primary?: string;
  readonly tls: boolean;
  readonly username?: string;
  readonly password?: string;
  readonly database: number;
}
