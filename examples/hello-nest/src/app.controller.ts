import { BadRequestException, Body, Controller, Get, HttpCode, Logger, Post, Query } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { currentVersion, type Version } from './version.js';

const LONGEST_MS = 60_000;

@Controller()
export class AppController {
  private readonly logger = new Logger(AppController.name);

  @Get()
  hello(): string {
    return 'Hello World!';
  }

  @Get('version')
  version(): Version {
    return currentVersion();
  }

  /** A request that takes its time: shows that a release waits for open requests. */
  @Get('slow')
  async slow(@Query('ms') ms = '1000'): Promise<{ waited_ms: number }> {
    const wait = Number(ms);
    if (!(wait >= 0 && wait <= LONGEST_MS)) {
      throw new BadRequestException(`ms must be between 0 and ${LONGEST_MS}`);
    }
    this.logger.log(`waiting for ${wait} ms`);
    await sleep(wait);
    return { waited_ms: wait };
  }

  @Post('echo')
  @HttpCode(200)
  echo(@Body() body: unknown): unknown {
    return body ?? {};
  }
}
