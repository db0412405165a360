import type { NextFunction, Request, Response } from 'express';
import { randomUUID } from 'node:crypto';
import { requestContext } from './request-context.js';

const ACCEPTED = /^[\w.-]{1,64}$/;

/** Take over the id that nginx gave the request, so that its log and ours can be joined. */
export function withRequestId(request: Request, response: Response, next: NextFunction): void {
  const given = request.get('x-request-id') ?? '';
  const requestId = ACCEPTED.test(given) ? given : randomUUID();
  response.setHeader('X-Request-Id', requestId);
  requestContext.run({ requestId }, next);
}
