/**
 * Rollouts on many machines: what trainers and workers say to each other over a NATS server, and the worker. In Node `connect`
 * uses TCP, with TLS where the server has it, or a WebSocket.
 *
 * @module mathformer/cluster
 */

export { connectNode as connect } from './connection/node.ts';
export * from './index.ts';
