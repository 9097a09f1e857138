# frozen_string_literal: true

# The jobs and the configuration that all processes of the Sidekiq tests load. PORT is the server's.

require "sidekiq"
require "sidekiq/api"

Redis.silence_deprecations = true # redis-rb 4.8 has much to say about Sidekiq 6.4

# Marks what the client pushes, and refuses what is marked `refuse`.
class ClientMark
  def call(_job_class, job, _queue, _redis)
    return false if job["refuse"]

    job["mark"] = "client"
    yield
  end
end

# Counts what the server runs, by queue and by the client's mark.
class ServerCount
  def call(_job_instance, job, queue)
    Sidekiq.redis { |redis| redis.hincrby("middleware", "#{queue}:#{job["mark"]}", 1) } if job["mark"]
    yield
  end
end

options = { url: "redis://127.0.0.1:#{ENV.fetch("PORT")}" }
Sidekiq.configure_client do |config|
  config.redis = options
  config.client_middleware { |chain| chain.add ClientMark } if ENV["MIDDLEWARE"]
end
Sidekiq.configure_server do |config|
  config.redis = options
  config.client_middleware { |chain| chain.add ClientMark } if ENV["MIDDLEWARE"]
  config.server_middleware { |chain| chain.add ServerCount } if ENV["MIDDLEWARE"]
  config.options[:poll_interval_average] = 1 # of the retry and scheduled sets, seconds
  config.logger.level = Logger::FATAL
end
Sidekiq.logger.level = Logger::FATAL

# Notes its arguments in the list `notes`.
class Note
  include Sidekiq::Worker

  def perform(*arguments)
    Sidekiq.redis { |redis| redis.rpush("notes", Sidekiq.dump_json(arguments)) }
  end
end

# Takes its time, and notes the start and the end.
class Slow
  include Sidekiq::Worker

  def perform(name, seconds)
    Sidekiq.redis { |redis| redis.rpush("started", name) }
    sleep seconds
    Sidekiq.redis { |redis| redis.rpush("notes", Sidekiq.dump_json([name])) }
  end
end

# Fails until it has been tried `failures` times.
class Flaky
  include Sidekiq::Worker
  sidekiq_options retry: 2
  sidekiq_retry_in { 1 }
  sidekiq_retries_exhausted { |job, _error| Sidekiq.redis { |redis| redis.rpush("exhausted", job["args"].first) } }

  def perform(name, failures)
    tries = Sidekiq.redis { |redis| redis.incr("tries:#{name}") }
    raise "try #{tries}" if tries <= failures
  end
end

# For the kill test: says on the standard output what it has done.
class Report
  include Sidekiq::Worker

  def perform(name)
    sleep rand * 0.03 # slower than the producers, so that kills meet a queue
    $stdout.syswrite("done #{name}\n")
  end
end
