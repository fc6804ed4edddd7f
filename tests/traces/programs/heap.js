// heap.js leak | churn: what a Node program's memory does. Ends after 60 s.
const leak = process.argv[2] === 'leak';
const kept = [];
let rounds = 0;
const timer = setInterval(() => {
  const garbage = [];
  for (let i = 0; i < 20000; i++) garbage.push({ number: i, text: 'x' + i });
  if (leak) kept.push(garbage);
  if (++rounds === 1200) clearInterval(timer);
}, 50);
