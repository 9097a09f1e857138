# frozen_string_literal: true

# What the tours in Ruby share: named stops, comparison, waiting, one summary line.

STOPS = [] # rubocop:disable Style/MutableConstant
Failed = Class.new(StandardError)
WAIT_SECONDS = 60

def stop(name, &body)
  STOPS << [name, body]
end

def equal(actual, expected, what = "got")
  raise Failed, "#{what} #{actual.inspect[0, 500]}, expected #{expected.inspect[0, 500]}" unless actual == expected
end

def check(condition, message)
  raise Failed, message unless condition
end

def wait_until(what, seconds = WAIT_SECONDS)
  deadline = now + seconds
  until yield
    raise Failed, "not within #{seconds} s: #{what}" if now > deadline

    sleep 0.02
  end
end

def now
  Process.clock_gettime(Process::CLOCK_MONOTONIC)
end

# Runs every stop; `fresh` comes before each.
def run_all
  failed = STOPS.count do |name, body|
    yield
    body.call
    puts "ok #{name}"
    false
  rescue StandardError => e
    puts "FAILED #{name}: #{e.class}: #{e.message}\n  #{(e.backtrace || []).first(6).join("\n  ")}"
    true
  end
  puts "#{STOPS.size - failed} passed, #{failed} failed"
  exit(failed.zero? ? 0 : 1)
end
