/** Keeps other machines, and pages of other sites, from the runs. */
import type { MiddlewareHandler } from 'hono';
import { refusal } from './refusal.ts';

const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i;

/** Loads of pages and files that another site may begin: a person follows a link to the dashboard. */
const isNavigation = (mode: string | undefined): boolean => mode === 'navigate';

/**
 * Refuse requests that do not come from this machine by a name of this machine (a name of another site may lead here: DNS
 * rebinding), that a page of another site makes, or that are not for reading.
 */
export const guard: MiddlewareHandler = async (c, next) => {
  const host = c.req.header('host') ?? '';
  if (!LOOPBACK.test(host)) {
    const fix = 'open the dashboard as http://127.0.0.1 or http://localhost';
    return refusal(c, 403, 'FORBIDDEN_HOST', 'the host of this address is not this machine', fix);
  }
  const origin = c.req.header('origin');
  const site = c.req.header('sec-fetch-site');
  const isOurs = origin === undefined || origin.toLowerCase() === `http://${host.toLowerCase()}`;
  const isCrossSite = site === 'cross-site' && !isNavigation(c.req.header('sec-fetch-mode'));
  if (!isOurs || isCrossSite) {
    const fix = 'open the dashboard itself';
    return refusal(c, 403, 'FORBIDDEN_ORIGIN', 'a page of another site asks for this', fix);
  }
  if (c.req.method !== 'GET' && c.req.method !== 'HEAD') {
    c.header('Allow', 'GET, HEAD');
    return refusal(
      c,
      405,
      'READ_ONLY',
      `the dashboard only reads, and does not take ${c.req.method}`,
      'use GET',
    );
  }
  return next();
};
