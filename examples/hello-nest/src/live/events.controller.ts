import { Controller, type MessageEvent, Sse } from '@nestjs/common';
import { map, type Observable, timer } from 'rxjs';
import { currentVersion } from '../version.js';

const PERIOD_MS = 1000;

@Controller('events')
export class EventsController {
  /** One event at once and one each second: shows that nginx does not buffer the stream. */
  @Sse()
  events(): Observable<MessageEvent> {
    return timer(0, PERIOD_MS).pipe(map((tick) => ({ data: { tick, ...currentVersion() } })));
  }
}
