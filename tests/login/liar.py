# SPDX-License-Identifier: Apache-2.0
"""A store that says what a test wants it to say."""

import socket
import threading

MASTER = b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"


class Liar:
    """Answers each command by its first word; `None` closes, and a callable
    gets the connection. Words that it does not know get +OK."""

    def __init__(self, path):
        self.answers = {"ROLE": MASTER}
        self.seen = []
        self.stopping = threading.Event()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen(64)
        self.threads = [threading.Thread(target=self.serve)]
        self.peers = []
        self.threads[0].start()

    def serve(self):
        while not self.stopping.is_set():
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            if self.stopping.is_set():
                peer.close()
                return
            thread = threading.Thread(target=self.speak, args=(peer,))
            self.peers.append(peer)
            self.threads.append(thread)
            thread.start()

    def speak(self, peer):
        try:
            if "hello" in self.answers:
                self.give(peer, self.answers["hello"])
            with peer.makefile("rb") as lines:
                while self.answer(peer, lines):
                    pass
        except OSError:
            pass
        finally:
            peer.close()

    def answer(self, peer, lines):
        head = lines.readline()
        if not head.startswith(b"*"):
            return False
        words = []
        for _ in range(int(head[1:])):
            size = int(lines.readline()[1:])
            words.append(lines.read(size + 2)[:-2])
        self.seen.append(words)
        answer = self.answers.get(words[0].decode().upper(), b"+OK\r\n")
        return self.give(peer, answer)

    def give(self, peer, answer):
        if answer is None:
            return False
        if callable(answer):
            answer(peer)
        else:
            peer.sendall(answer)
        return True

    def stop(self):
        self.stopping.set()
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for peer in self.peers:
            try:
                peer.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self.threads:
            thread.join()
