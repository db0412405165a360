import { type BeforeApplicationShutdown, Controller, type MessageEvent, Sse } from '@nestjs/common';
import { map, type Observable, Subject, takeUntil, timer } from 'rxjs';
import { currentVersion } from '../version.js';

const PERIOD_MS = 1000;

@Controller('events')
export class EventsController implements BeforeApplicationShutdown {
  private readonly closing = new Subject<void>();

  /** One event at once and one each second: shows that nginx does not buffer the stream. */
  @Sse()
  events(): Observable<MessageEvent> {
    return timer(0, PERIOD_MS).pipe(
      takeUntil(this.closing),
      map((tick) => ({ data: { tick, ...currentVersion() } })),
    );
  }

  /** A stream has no end of its own: without this, the open ones keep the process until systemd kills it. */
  beforeApplicationShutdown(): void {
    this.closing.next();
  }
}
