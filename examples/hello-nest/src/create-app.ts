import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { WsAdapter } from '@nestjs/platform-ws';
import { AppModule } from './app.module.js';
import { RequestLogger } from './request-id/request.logger.js';
import { withRequestId } from './request-id/with-request-id.js';

/** The whole app as production runs it; main.ts and the tests start the same one. */
export async function createApp(): Promise<NestExpressApplication> {
  const app = await NestFactory.create<NestExpressApplication>(AppModule, {
    logger: new RequestLogger({ json: true }),
  });
  // nginx runs on this machine or is a known load balancer: only its X-Forwarded-* headers are believed.
  app.set('trust proxy', 'loopback');
  app.use(withRequestId);
  app.useWebSocketAdapter(new WsAdapter(app));
  // Without the hooks SIGTERM ends Node at once and cuts open requests.
  app.enableShutdownHooks();
  return app;
}
