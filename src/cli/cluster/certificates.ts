/** A certificate authority for one cluster, and the certificates of the server that it signs. */
import { createPublicKey, X509Certificate } from 'node:crypto';
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

/** Clocks differ: what is made now is valid from yesterday on. */
const yesterday = (): Date => new Date(Date.now() - DAY);

const after = (date: Date, days: number): Date => new Date(date.getTime() + days * DAY);

/** Make an authority. */
export async function makeAuthority(): Promise<Certificate> {
  const notBeforeDate = yesterday();
  const made = await generate([{ name: 'commonName', value: 'mathformer cluster authority' }], {
    ...KIND,
    notBeforeDate,
    notAfterDate: after(notBeforeDate, AUTHORITY_YEARS * 365),
    extensions: [
      { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { certificate: withLineEnd(made.cert), key: made.private };
}

/**
 * Make the certificate of a server with these names and addresses. It ends with its authority at the latest.
 * @param key the server's private key; by default a new one.
 */
export async function makeServerCertificate(
  authority: Certificate,
  hosts: readonly string[],
  key?: string,
): Promise<Certificate> {
  const notBeforeDate = yesterday();
  const latest = new Date(new X509Certificate(authority.certificate).validTo);
  const wanted = after(notBeforeDate, SERVER_DAYS);
  const made = await generate([{ name: 'commonName', value: 'mathformer cluster server' }], {
    ...KIND,
    notBeforeDate,
    notAfterDate: wanted < latest ? wanted : latest,
    ca: { key: authority.key, cert: authority.certificate },
    ...(key === undefined ? {} : { keyPair: { privateKey: key, publicKey: publicKeyOf(key) } }),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: hosts.map(nameOf) },
    ],
  });
  return { certificate: withLineEnd(made.cert), key: made.private };
}

const publicKeyOf = (privateKey: string): string =>
  createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();

/** Return the names and addresses of a server's certificate, and the time at which it ends. */
export function readServerCertificate(certificate: string): { hosts: string[]; expires: Date } {
  const { subjectAltName = '', validTo } = new X509Certificate(certificate);
  const hosts = subjectAltName.split(', ').map((name) => name.replace(/^(?:DNS|IP Address):/, ''));
  return { hosts, expires: new Date(validTo) };
}

const nameOf = (host: string) =>
  isIP(host) === 0 ? { type: 2 as const, value: host } : { type: 7 as const, ip: host };

const withLineEnd = (text: string): string => `${text.trimEnd()}\n`;
