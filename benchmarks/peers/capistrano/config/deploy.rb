set :application, "hello-nest"
set :repo_url, ENV.fetch("BENCH_REPOSITORY")
set :branch, "main"
set :deploy_to, "/srv/peer/hello-nest"
set :keep_releases, 5
set :format, :simpletext
set :log_level, :info

# Dependencies by lockfile: installed once, linked into every release that has the same one.
namespace :npm do
  task :install do
    on roles(:app) do
      execute :peer_dependencies, release_path, shared_path
    end
  end
end
after "deploy:updated", "npm:install"

# One instance after the other; the next is not touched before the last is healthy.
namespace :deploy do
  task :restart do
    on roles(:app) do
      [4001, 4002].each do |port|
        execute :sudo, :systemctl, :restart, "peer@#{port}"
        execute :peer_healthy, port
      end
    end
  end
end
after "deploy:published", "deploy:restart"

# Programs of the host, found on the PATH under names with a dash.
SSHKit.config.command_map[:peer_dependencies] = "peer-dependencies"
SSHKit.config.command_map[:peer_healthy] = "peer-healthy"
