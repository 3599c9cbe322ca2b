/** Texts of the command `cluster` that become parts of files: each is checked, as a quote or a slash would change their meaning. */
import { isIP } from 'node:net';
import { shownValue } from '../../base/arguments.ts';
import { BadOptionError } from '../../base/options.ts';

/** A time from now: a number with a unit, or `never`. */
export const EXPIRY = /^(?:never|([1-9]\d{0,4})([mhd]))$/;

/** Split a list at its commas. Empty parts are left out. */
export const listOf = (text: string): string[] => text.split(',').flatMap((part) => part.trim() || []);

const MILLISECONDS: Readonly<Record<string, number>> = { m: 60e3, h: 3600e3, d: 86_400e3 };

/** Return the time so long from now; null for `never`. @param text has the form of `EXPIRY`. */
export function expiryOf(text: string): Date | null {
  const [, count, unit = ''] = EXPIRY.exec(text) ?? [];
  return count === undefined ? null : new Date(Date.now() + Number(count) * (MILLISECONDS[unit] ?? 0));
}

const HOST = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/i;

/** @throws BadOptionError for what is no name or address of a machine. */
export function checkedHost(host: string): string {
  if (isIP(host) !== 0 || (HOST.test(host) && host.length <= 253)) return host;
  const fix = 'give names and addresses alone, without scheme and port, such as nats.example.org,10.0.0.5';
  throw new BadOptionError('--host', `--host cannot have ${shownValue(host)}`, fix);
}

/** @throws BadOptionError for what is no origin. */
export function checkedOrigin(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url && /^https?:$/.test(url.protocol) && [url.origin, `${url.origin}/`].includes(text))
    return url.origin;
  const fix = 'give scheme, name and perhaps port of pages, such as https://app.example.org';
  throw new BadOptionError('--origins', `--origins cannot have ${shownValue(text)}`, fix);
}

/** @throws BadOptionError for what cannot be a name of credentials: it is a part of a file's name. */
export function checkedName(name: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(name)) return name;
  const fix = 'give up to 64 letters, digits, - and _, such as worker-7';
  throw new BadOptionError('name', `the name cannot be ${shownValue(name)}`, fix);
}
