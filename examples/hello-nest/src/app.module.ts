import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { AppController } from './app.controller.js';
import { HealthController } from './health/health.controller.js';
import { EventsController } from './live/events.controller.js';
import { EchoGateway } from './live/echo.gateway.js';

@Module({
  imports: [TerminusModule.forRoot({ errorLogStyle: 'json' })],
  controllers: [AppController, EventsController, HealthController],
  providers: [EchoGateway],
})
export class AppModule {}
