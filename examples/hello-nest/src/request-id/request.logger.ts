import { ConsoleLogger, type LogLevel } from '@nestjs/common';
import { requestContext } from './request-context.js';

/** Nest's JSON log, with the id of the request where there is one. */
export class RequestLogger extends ConsoleLogger {
  protected override getJsonLogObject(
    message: unknown,
    options: { context: string; logLevel: LogLevel; writeStreamType?: 'stdout' | 'stderr'; errorStack?: unknown },
  ) {
    const request = requestContext.getStore();
    return { ...super.getJsonLogObject(message, options), ...(request && { requestId: request.requestId }) };
  }
}
