# frozen_string_literal: true

# Of benches/queues.py: the job, which does nothing, for the sidekiq processes; run by itself it pushes JOBS of them in bulks
# to the lists `held:<queue>` of QUEUES when a line comes in.

require "sidekiq"

Redis.silence_deprecations = true
options = { url: "redis://127.0.0.1:#{ENV.fetch("PORT")}" }
Sidekiq.configure_client { |config| config.redis = options }
Sidekiq.configure_server do |config|
  config.redis = options
  config.logger.level = Logger::FATAL
  config.on(:startup) { $stdout.syswrite("ready\n") }
end

# Nothing to do.
class Job
  include Sidekiq::Worker

  def perform(number, text); end
end

if $PROGRAM_NAME == __FILE__
  Sidekiq.redis(&:ping)
  $stdout.syswrite("ready\n")
  $stdin.gets
  arguments = Array.new(Integer(ENV.fetch("JOBS"))) { |number| [number, "x" * 64] }
  arguments.each_slice(1000) do |slice|
    ENV.fetch("QUEUES").split(",").each do |queue|
      Sidekiq::Client.push_bulk("class" => Job, "args" => slice, "queue" => "held:#{queue}")
    end
  end
end
