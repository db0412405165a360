server ENV.fetch("BENCH_ADDRESS"), user: "deploy", roles: %w[app]
