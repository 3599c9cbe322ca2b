/** A certificate authority for one cluster, and a certificate of the server that it signs. */
import { isIP } from 'node:net';
import { generate } from 'selfsigned';

/** Years that the authority is valid. */
const AUTHORITY_YEARS = 10;
/** Days that the server's certificate is valid: browsers take none that lasts longer. */
const SERVER_DAYS = 825;

const DAY = 24 * 60 * 60 * 1000;
const KIND = { keyType: 'ec', curve: 'P-256', algorithm: 'sha256' } as const;

/** A certificate and its private key, a secret; both in PEM. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** Make an authority, and the certificate of a server with these names and addresses. */
export async function makeCertificates(
  hosts: readonly string[],
): Promise<{ authority: Certificate; server: Certificate }> {
  const now = Date.now();
  // Clocks differ: it is valid from yesterday on.
  const notBeforeDate = new Date(now - DAY);
  const authority = await generate([{ name: 'commonName', value: 'mathformer cluster authority' }], {
    ...KIND,
    notBeforeDate,
    notAfterDate: new Date(now + AUTHORITY_YEARS * 365 * DAY),
    extensions: [
      { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  const server = await generate([{ name: 'commonName', value: 'mathformer cluster server' }], {
    ...KIND,
    notBeforeDate,
    notAfterDate: new Date(notBeforeDate.getTime() + SERVER_DAYS * DAY),
    ca: { key: authority.private, cert: authority.cert },
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: hosts.map(nameOf) },
    ],
  });
  return {
    authority: { certificate: withLineEnd(authority.cert), key: authority.private },
    server: { certificate: withLineEnd(server.cert), key: server.private },
  };
}

const nameOf = (host: string) =>
  isIP(host) === 0 ? { type: 2 as const, value: host } : { type: 7 as const, ip: host };

const withLineEnd = (text: string): string => `${text.trimEnd()}\n`;
