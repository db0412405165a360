import type { NestExpressApplication } from '@nestjs/platform-express';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createApp } from '../src/create-app.js';

describe('hello-nest', () => {
  let app: NestExpressApplication;
  let server: Server;
  let port: number;

  beforeAll(async () => {
    app = await createApp();
    await app.listen(0, '127.0.0.1');
    server = app.getHttpServer();
    port = (server.address() as AddressInfo).port;
  });

  afterAll(() => app.close());

  it('greets', () => request(server).get('/').expect(200, 'Hello World!'));

  it.each(['/health', '/health/ready', '/health/live'])('%s answers ok', async (path) => {
    const answer = await request(server).get(path).expect(200);
    expect(answer.body.status).toBe('ok');
  });

  it('echoes what is posted', () => request(server).post('/echo').send({ a: [1, 2] }).expect(200, { a: [1, 2] }));

  it('takes the time that is asked for', async () => {
    const start = Date.now();
    await request(server).get('/slow?ms=50').expect(200, { waited_ms: 50 });
    expect(Date.now() - start).toBeGreaterThanOrEqual(45);
  });

  it.each(['-1', 'soon', '60001'])('refuses to wait for %s ms', async (ms) => {
    await request(server).get(`/slow?ms=${ms}`).expect(400);
  });

  it('gives back the request id of the proxy, and makes one where it is missing or odd', async () => {
    await request(server).get('/').set('X-Request-Id', 'abc-1').expect('X-Request-Id', 'abc-1');
    await request(server).get('/').set('X-Request-Id', 'a b{}').expect('X-Request-Id', /^[0-9a-f-]{36}$/);
  });

  it('streams events', async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/events`);
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
    const reader = answer.body!.getReader();
    let text = '';
    while (!text.includes('"tick":0')) {
      text += new TextDecoder().decode((await reader.read()).value);
    }
    await reader.cancel();
  });

  it('ends open streams when it is closed', async () => {
    const other = await createApp();
    await other.listen(0, '127.0.0.1');
    const answer = await fetch(`http://127.0.0.1:${(other.getHttpServer().address() as AddressInfo).port}/events`);
    const rest = answer.text();
    await other.close();
    expect(await rest).toContain('"tick":0');
  });

  it('echoes over a WebSocket', async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);
    await once(socket, 'open');
    socket.send(JSON.stringify({ event: 'echo', data: 'hi' }));
    const [message] = await once(socket, 'message');
    expect(JSON.parse(String(message))).toEqual({ event: 'echo', data: 'hi' });
    socket.close();
  });
});
