import { expect, it } from 'vitest';
import { CONTENT_SECURITY_POLICY } from '../../app/contentSecurityPolicy.ts';
import { dashboardApp } from '../../src/dashboard/app.ts';

const directives = (policy: string): readonly string[] =>
  policy
    .split(';')
    .map((directive) => directive.trim())
    .sort();

async function policyOf(path: string): Promise<string> {
  const server = dashboardApp({ directory: import.meta.dirname, app: undefined });
  const response = await server.request(`http://127.0.0.1${path}`, { headers: { host: '127.0.0.1' } });
  return response.headers.get('content-security-policy') ?? '';
}

it('a page of a file server has the policy of the dashboard, but for what only a header can say', async () => {
  const header = await policyOf('/');
  const shared = directives(header).filter((directive) => !directive.startsWith('frame-ancestors'));
  expect(shared.length).toBeGreaterThan(5);
  expect(directives(CONTENT_SECURITY_POLICY)).toEqual(shared);
});

it('the Worker that lends the tab alone may connect to other machines, by WebSockets', async () => {
  const [page, lending] = [
    await policyOf('/assets/LendPage-a1.js'),
    await policyOf('/assets/lendWorker-a1.js'),
  ];
  expect(directives(page)).toContain("connect-src 'self'");
  expect(directives(lending)).toEqual(
    directives(page).map((each) => (each.startsWith('connect-src') ? `${each} ws: wss:` : each)),
  );
});
