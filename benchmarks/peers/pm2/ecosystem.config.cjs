// Cluster mode: `pm2 reload` starts a new worker, waits until it listens, and only then tells an old one to stop.
// A `.cjs` because the app's package.json says "type": "module".
module.exports = {
  apps: [
    {
      name: 'hello-nest',
      script: 'dist/main.js',
      cwd: '/srv/peer/hello-nest/current',
      exec_mode: 'cluster',
      instances: 2,
      listen_timeout: 15000,
      kill_timeout: 30000,
      env_production: { NODE_ENV: 'production', PORT: 4001 },
    },
  ],
  deploy: {
    production: {
      user: 'deploy',
      host: [process.env.BENCH_ADDRESS],
      ref: 'origin/main',
      repo: process.env.BENCH_REPOSITORY,
      path: '/srv/peer/hello-nest',
      'post-deploy': 'peer-dependencies . ../shared && pm2 reload ecosystem.config.cjs --env production',
    },
  },
};
