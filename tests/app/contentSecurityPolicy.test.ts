import { expect, it } from 'vitest';
import { CONTENT_SECURITY_POLICY } from '../../app/contentSecurityPolicy.ts';
import { dashboardApp } from '../../src/dashboard/app.ts';

const directives = (policy: string): readonly string[] =>
  policy
    .split(';')
    .map((directive) => directive.trim())
    .sort();

it('a page of a file server has the policy of the dashboard, but for what only a header can say', async () => {
  const server = dashboardApp({ directory: import.meta.dirname, app: undefined });
  const response = await server.request('http://127.0.0.1/', { headers: { host: '127.0.0.1' } });
  const header = response.headers.get('content-security-policy') ?? '';
  const shared = directives(header).filter((directive) => !directive.startsWith('frame-ancestors'));
  expect(shared.length).toBeGreaterThan(5);
  expect(directives(CONTENT_SECURITY_POLICY)).toEqual(shared);
});
