# frozen_string_literal: true

# Pushes Report jobs, alone and in bulks, until SIGTERM; says `ack <name>` of each that the server has taken. NAME starts the
# names.

require_relative "sidekiq_jobs"

$stdout.sync = true
stopping = false
trap("TERM") { stopping = true }
puts "ready"

number = 0
until stopping
  names = Array.new(number % 20 == 0 ? 30 : 1) { "#{ENV.fetch("NAME")}:#{number += 1}" }
  begin
    Sidekiq::Client.push_bulk("class" => Report, "args" => names.map { |name| [name] })
    $stdout.write(names.map { |name| "ack #{name}\n" }.join)
  rescue Redis::BaseError, SystemCallError
    sleep 0.05 # these are not acknowledged: the server is away
  end
  sleep 0.003
end
