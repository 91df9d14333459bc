import concurrent.futures, queue, threading
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    print(list(pool.map(lambda n: n * n, range(20))))
line = queue.Queue()
workers = [threading.Thread(target=lambda: [line.put(n) for n in range(100)]) for _ in range(5)]
[worker.start() for worker in workers]
[worker.join() for worker in workers]
print(line.qsize(), threading.active_count())
