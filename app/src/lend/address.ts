/** Addresses of servers, and what a browser lets a page do with them. */

/** A reason why a page cannot use an address, with its remedy. */
export interface AddressProblem {
  readonly problem: string;
  readonly fix: string;
}

/** Hosts of this machine: a browser trusts them without TLS. */
const LOCAL = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Return the reason why a page cannot connect to an address; undefined if it can try. @param page the page's protocol, such as `https:`. */
export function addressProblem(address: string, page: string): AddressProblem | undefined {
  const url = parsed(address);
  if (!url || url.host === '') {
    return { problem: 'this is not the address of a server', fix: 'give one such as wss://host:8443' };
  }
  if (url.username !== '' || url.password !== '') {
    return {
      problem: 'an address holds no name or password',
      fix: 'give them as credentials, below',
    };
  }
  if (url.protocol === 'nats:' || url.protocol === 'tls:') {
    return {
      problem: 'a browser reaches a server by WebSockets alone',
      fix: 'give the address of the server’s WebSocket port, which begins with wss:// or ws://',
    };
  }
  if (url.protocol !== 'wss:' && url.protocol !== 'ws:') {
    return { problem: `${url.protocol}// is not for servers`, fix: 'give an address with wss:// or ws://' };
  }
  if (url.protocol === 'ws:' && page === 'https:' && !LOCAL.test(url.hostname)) {
    return {
      problem:
        'this page came by https, and a browser lets it use no ws:// address of another machine (mixed content)',
      fix: 'use wss://, or open the app on your own machine: npx mathformer dashboard',
    };
  }
  return undefined;
}

/** Return the host of an address, for people. */
export const hostOf = (address: string): string => parsed(address)?.host || address;

const parsed = (address: string): URL | undefined =>
  URL.canParse(address.trim()) ? new URL(address.trim()) : undefined;

/** Reasons why a browser, which tells none, does not reach a server. @param origin the page's. */
export const unreachableReasons = (address: string, origin: string): readonly string[] => [
  'The server does not run, or its WebSocket port is another one.',
  `It does not take pages of ${origin}: its owner adds that to the allowed origins.`,
  ...(address.trim().startsWith('wss:')
    ? [`This browser does not trust its certificate: open https://${hostOf(address)} in another tab to see.`]
    : []),
  'The browser has to be allowed to reach the local network.',
];
