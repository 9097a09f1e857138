# frozen_string_literal: true

# How Resque uses a server, through redis-rb: queues in a set and lists, workers that reserve by LPOP and register themselves,
# failures in a list, a heartbeat in a hash, delayed jobs as resque-scheduler keeps them.

require "json"
require "redis"
require_relative "tour"

PORT = Integer(ENV.fetch("PORT"))
WORKERS = 4
$stdout.sync = true

def connect
  Redis.new(host: "127.0.0.1", port: PORT)
end

def push(redis, queue, *jobs)
  redis.pipelined do |pipeline|
    pipeline.sadd?("resque:queues", queue)
    jobs.each { |job| pipeline.rpush("resque:queue:#{queue}", JSON.generate("class" => "Job", "args" => [job])) }
  end
end

# The first job of the first queue that has one.
def reserve(redis, queues)
  queues.each do |queue|
    text = redis.lpop("resque:queue:#{queue}")
    return JSON.parse(text)["args"].first if text
  end
  nil
end

def work(name, queues, seen)
  redis = connect
  redis.sadd?("resque:workers", name)
  while (job = reserve(redis, queues))
    redis.set("resque:worker:#{name}", JSON.generate("payload" => job))
    job == "bad" ? fail_job(redis, job) : seen << job
    redis.multi { |m| m.incr("resque:stat:processed") && m.incr("resque:stat:processed:#{name}") && m.del("resque:worker:#{name}") }
    redis.hset("resque:workers:heartbeat", name, Time.now.to_f.to_s)
  end
  redis.srem?("resque:workers", name)
  redis.close
end

def fail_job(redis, job)
  redis.rpush("resque:failed", JSON.generate("payload" => job, "error" => "on purpose"))
  redis.incr("resque:stat:failed")
end

REDIS = connect

stop "each job goes to one worker, queues in order" do
  push(REDIS, "low", *(1..200).to_a)
  push(REDIS, "high", *(201..300).to_a, "bad")
  equal REDIS.smembers("resque:queues").sort, %w[high low]
  equal REDIS.llen("resque:queue:high"), 101
  seen = Queue.new
  threads = Array.new(WORKERS) { |n| Thread.new { work("host:#{n}:high,low", %w[high low], seen) } }
  threads.each(&:join)
  jobs = Array.new(seen.size) { seen.pop }
  equal jobs.sort, (1..300).to_a
  equal REDIS.mget("resque:stat:processed", "resque:stat:failed"), %w[301 1]
  equal JSON.parse(REDIS.lrange("resque:failed", 0, -1).first), { "payload" => "bad", "error" => "on purpose" }
  equal [REDIS.scard("resque:workers"), REDIS.hlen("resque:workers:heartbeat")], [0, WORKERS]
end

stop "delayed jobs" do
  5.times { |n| REDIS.rpush("resque:delayed:#{n}", "job #{n}") && REDIS.zadd("resque:delayed_queue_schedule", n, n) }
  due = REDIS.zrangebyscore("resque:delayed_queue_schedule", "-inf", 2, limit: [0, 10])
  due.each do |time|
    jobs = REDIS.multi { |m| m.lrange("resque:delayed:#{time}", 0, -1) && m.del("resque:delayed:#{time}") }.first
    push(REDIS, "now", *jobs)
    REDIS.watch("resque:delayed:#{time}") do
      REDIS.multi { |m| m.zrem("resque:delayed_queue_schedule", time) } if REDIS.llen("resque:delayed:#{time}").zero?
    end
  end
  equal REDIS.lrange("resque:queue:now", 0, -1).map { |text| JSON.parse(text)["args"] }, [["job 0"], ["job 1"], ["job 2"]]
  equal REDIS.zrange("resque:delayed_queue_schedule", 0, -1), %w[3 4]
end

stop "a lock by SET NX and its script" do
  equal [REDIS.set("lock", "me", nx: true, ex: 60), REDIS.set("lock", "you", nx: true, ex: 60)], [true, false]
  release = 'if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("del", KEYS[1]) else return 0 end'
  equal [REDIS.eval(release, ["lock"], ["you"]), REDIS.eval(release, ["lock"], ["me"])], [0, 1]
  sha = REDIS.script(:load, release)
  equal [REDIS.script(:exists, sha), REDIS.evalsha(sha, ["lock"], ["me"])], [true, 0]
end

stop "blocking workers" do
  seen = Queue.new
  threads = Array.new(WORKERS) do
    Thread.new do
      redis = connect
      while (found = redis.blpop("a", "b", timeout: 1))
        seen << found.last
      end
    end
  end
  100.times { |n| REDIS.rpush(n.even? ? "a" : "b", n) }
  threads.each(&:join)
  equal Array.new(seen.size) { seen.pop.to_i }.sort, (0..99).to_a
end

run_all { REDIS.flushall }
