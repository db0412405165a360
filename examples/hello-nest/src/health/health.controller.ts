import { Controller, Get } from '@nestjs/common';
import { HealthCheck, HealthCheckService, type HealthCheckResult, MemoryHealthIndicator } from '@nestjs/terminus';

const HEAP_LIMIT_BYTES = 200 * 1024 * 1024;

@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly memory: MemoryHealthIndicator,
  ) {}

  /** Alive: the process answers. No dependency is asked, or a slow database would restart every instance. */
  @Get('live')
  live(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** Ready: this instance can serve. Add the database and the broker here. */
  @Get('ready')
  @HealthCheck()
  ready(): Promise<HealthCheckResult> {
    return this.health.check([() => this.memory.checkHeap('heap', HEAP_LIMIT_BYTES)]);
  }

  @Get()
  @HealthCheck()
  overall(): Promise<HealthCheckResult> {
    return this.ready();
  }
}
