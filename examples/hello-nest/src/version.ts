import { createRequire } from 'node:module';

const { version } = createRequire(import.meta.url)('../package.json') as { version: string };

export interface Version {
  version: string;
  /** Set by vpsdeploy on a host. */
  release: string | null;
  port: string | null;
  pid: number;
}

/** Which code answers, and which instance of it. */
export function currentVersion(env: NodeJS.ProcessEnv = process.env): Version {
  return { version, release: env.VPSDEPLOY_RELEASE ?? null, port: env.PORT ?? null, pid: process.pid };
}
