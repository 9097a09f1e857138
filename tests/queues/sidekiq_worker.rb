# frozen_string_literal: true

# What the sidekiq processes of the kill test load.

require_relative "sidekiq_jobs"

Sidekiq.configure_server { |config| config.on(:startup) { $stdout.syswrite("ready\n") } }
