import { describe, expect, it } from 'vitest';
import { currentVersion } from './version.js';

describe('currentVersion', () => {
  it('names the release and the port that vpsdeploy sets', () => {
    const found = currentVersion({ VPSDEPLOY_RELEASE: '20261122120000-1f3a9c2e', PORT: '4001' });
    expect(found).toMatchObject({ release: '20261122120000-1f3a9c2e', port: '4001', pid: process.pid });
    expect(found.version).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it('says null outside of a host', () => {
    expect(currentVersion({})).toMatchObject({ release: null, port: null });
  });
});
