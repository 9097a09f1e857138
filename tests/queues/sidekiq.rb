# frozen_string_literal: true

# Tour of Sidekiq: real `sidekiq` processes, driven through its client and its API.

ENV["MIDDLEWARE"] = "1"
require_relative "tour"
require_relative "sidekiq_jobs"

JOBS = File.expand_path("sidekiq_jobs.rb", __dir__)
$stdout.sync = true

def redis(&block)
  Sidekiq.redis(&block)
end

# Runs the block beside sidekiq processes with these flags each, and ends them with TERM.
def with_sidekiq(*flags)
  pids = flags.map { |line| spawn("sidekiq", "-r", JOBS, "-t", "2", *line.split, out: File::NULL, err: File::NULL) }
  wait_until("#{pids.size} processes beat") { redis { |r| r.scard("processes") } >= pids.size }
  yield pids
ensure
  (pids || []).each { |pid| finish(pid) }
end

# Ends a process with TERM, which must take it out of the set of processes.
def finish(pid)
  Process.kill("TERM", pid)
  deadline = now + 30
  sleep 0.02 while (done = Process.wait(pid, Process::WNOHANG)).nil? && now < deadline
  return if done

  Process.kill("KILL", pid)
  Process.wait(pid)
  raise Failed, "TERM did not end sidekiq within 30 s"
rescue Errno::ECHILD, Errno::ESRCH
  nil # it has ended and been waited for
end

def notes
  redis { |r| r.lrange("notes", 0, -1) }.map { |text| Sidekiq.load_json(text) }
end

def bulk(class_name, arguments, queue = "default")
  Sidekiq::Client.push_bulk("class" => class_name, "args" => arguments, "queue" => queue)
end

stop "push and look" do
  jid = Note.perform_async(1, "zwei", { "three" => [nil, 3.5] })
  Note.set(queue: "other").perform_async("there")
  queue = Sidekiq::Queue.new
  equal [queue.size, queue.find_job(jid).args], [1, [1, "zwei", { "three" => [nil, 3.5] }]]
  equal Sidekiq::Queue.all.map(&:name).sort, %w[default other]
  check queue.latency.between?(0, 60), "latency #{queue.latency}"
  equal queue.find_job(jid).delete, true
  equal [queue.size, Sidekiq::Queue.new("other").clear && Sidekiq::Queue.new("other").size], [0, 0]
  bulk(Note, (1..250).map { |n| [n] })
  equal queue.map { |job| job.args.first }, (1..250).to_a.reverse, "iteration"
end

stop "jobs and bulks are run once each, by several processes" do
  with_sidekiq("-c 10", "-c 10", "-c 5") do
    bulk(Note, (1..1000).map { |n| [n] })
    200.times { |n| Note.perform_async(1001 + n) }
    wait_until("1200 notes") { redis { |r| r.llen("notes") } >= 1200 }
    equal notes.flatten.sort, (1..1200).to_a
    set = Sidekiq::ProcessSet.new
    equal [set.size, set.total_concurrency], [3, 25]
    equal set.map { |process| process["queues"] }, [["default"]] * 3
  end
  equal redis { |r| r.scard("processes") }, 0, "processes after TERM"
  stats = Sidekiq::Stats.new
  equal [stats.processed, stats.failed, stats.enqueued], [1200, 0, 0]
  equal Sidekiq::Stats::History.new(1).processed.values, [1200]
end

stop "queues are served in order" do
  3.times { |n| %w[low high middle].each { |queue| Note.set(queue: queue).perform_async(queue, n) } }
  with_sidekiq("-c 1 -q high -q middle -q low") { wait_until("9 notes") { notes.size == 9 } }
  equal notes, %w[high middle low].product([0, 1, 2])
end

stop "scheduled jobs" do
  soon = Note.perform_in(1.5, "soon")
  far = Note.perform_at(Time.now + 3600, "far")
  gone = Note.perform_in(3600, "gone")
  set = Sidekiq::ScheduledSet.new
  equal [set.size, set.find_job(soon).args], [3, ["soon"]]
  equal set.scan("*gone*").map(&:jid), [gone]
  set.find_job(gone).delete
  set.find_job(far).reschedule(Time.now + 1)
  equal Sidekiq::Queue.new.size, 0, "enqueued early"
  with_sidekiq("-c 2") { wait_until("2 notes") { notes.size == 2 } }
  equal [notes.flatten.sort, set.size], [%w[far soon], 0]
end

stop "many scheduled jobs come due at once" do
  Sidekiq::Client.push_bulk("class" => Note, "args" => (1..300).map { |n| [n] }, "at" => Time.now.to_f + 1)
  with_sidekiq("-c 5", "-c 5") { wait_until("300 notes") { redis { |r| r.llen("notes") } >= 300 } }
  equal notes.flatten.sort, (1..300).to_a
end

stop "retries and the dead set" do
  Flaky.perform_async("twice", 1)
  Flaky.perform_async("never", 99)
  Flaky.set(retry: 0).perform_async("dead at once", 99)
  Flaky.set(retry: false).perform_async("forgotten", 99)
  with_sidekiq("-c 3") do
    wait_until("the first retry is waiting") { Sidekiq::RetrySet.new.size.positive? }
    wait_until("retries") { redis { |r| r.get("tries:never") } == "3" && redis { |r| r.get("tries:twice") } == "2" }
    wait_until("the dead set") { Sidekiq::DeadSet.new.size == 2 }
  end
  equal Sidekiq::DeadSet.new.map { |job| job.args.first }.sort, ["dead at once", "never"]
  equal redis { |r| r.lrange("exhausted", 0, -1) }.sort, ["dead at once", "never"]
  equal [redis { |r| r.get("tries:forgotten") }, Sidekiq::RetrySet.new.size], ["1", 0]
  equal Sidekiq::DeadSet.new.find { |job| job.args.first == "never" }["error_message"], "try 3"
  equal Sidekiq::Stats.new.failed, 6
end

stop "retries and dead jobs by hand" do
  jobs = (1..3).map { |n| [Time.now.to_f + 3600 + n, Sidekiq.dump_json(failed_job("held #{n}"))] }
  redis { |r| r.zadd("retry", jobs) }
  retries, dead = Sidekiq::RetrySet.new, Sidekiq::DeadSet.new
  retries.find_job("held 1").kill
  retries.find_job("held 2").delete
  equal dead.find_job("held 1").args, ["held 1"]
  with_sidekiq("-c 2") do
    retries.retry_all
    dead.retry_all
    wait_until("two notes") { notes.size == 2 }
  end
  equal [notes.flatten.sort, retries.size, dead.size], [["held 1", "held 3"], 0, 0]
end

def failed_job(name)
  { "class" => "Note", "args" => [name], "jid" => name, "queue" => "default", "retry" => 2, "retry_count" => 1,
    "created_at" => Time.now.to_f, "enqueued_at" => Time.now.to_f, "failed_at" => Time.now.to_f,
    "error_class" => "RuntimeError", "error_message" => "made up" }
end

stop "middleware" do
  with_sidekiq("-c 2 -q default -q other") do
    3.times { Note.perform_async("marked") }
    Note.set(queue: "other").perform_async("marked")
    equal Note.set("refuse" => true).perform_async("refused"), nil, "the client middleware let through"
    wait_until("4 notes") { notes.size == 4 }
  end
  equal redis { |r| r.hgetall("middleware") }, { "default:client" => "3", "other:client" => "1" }
end

stop "TSTP stops fetching, TERM hands unfinished jobs back" do
  with_sidekiq("-c 2") do |(pid)|
    Slow.perform_async("held", 600)
    wait_until("the job has started") { redis { |r| r.llen("started") } == 1 }
    Process.kill("TSTP", pid)
    wait_until("the process says that it is quiet") { Sidekiq::ProcessSet.new.all?(&:stopping?) }
    Note.perform_async("while quiet")
    wait_until("the job is seen as busy") { Sidekiq::Workers.new.size == 1 }
    equal Sidekiq::Workers.new.map { |_, _, work| work["payload"]["args"] }, [["held", 600]], "busy"
    sleep 0.5
    equal [notes, Sidekiq::Queue.new.size], [[], 1], "fetched while quiet"
    finish(pid)
  end
  equal Sidekiq::Queue.new.map(&:klass).sort, %w[Note Slow], "queue after TERM"
end

stop "quiet and stop by the API" do
  with_sidekiq("-c 2") do |(pid)|
    process = Sidekiq::ProcessSet.new.first
    process.quiet!
    wait_until("the process says that it is quiet") { Sidekiq::ProcessSet.new.all?(&:stopping?) }
    process.stop!
    wait_until("the process has ended") { Process.wait(pid, Process::WNOHANG) }
  end
  equal redis { |r| r.scard("processes") }, 0
end

stop "the API of stats" do
  bulk(Note, [[1], [2]], "a")
  bulk(Note, [[3]], "b")
  Note.perform_in(60, 4)
  redis { |r| r.mset("stat:processed", 70_000, "stat:failed", 3) }
  stats = Sidekiq::Stats.new
  equal [stats.processed, stats.failed, stats.enqueued, stats.scheduled_size], [70_000, 3, 3, 1]
  equal [stats.retry_size, stats.dead_size, stats.workers_size, stats.processes_size], [0, 0, 0, 0]
  equal stats.queues, { "a" => 2, "b" => 1 }
  stats.reset("failed")
  equal [Sidekiq::Stats.new.failed, Sidekiq::Stats.new.processed], [0, 70_000]
end

run_all { redis(&:flushall) }
