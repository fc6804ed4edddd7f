// Heap leak | plateau | churn: what a Java program's memory does. Ends after 60 s.
import java.util.ArrayDeque;

public class Heap {
  public static void main(String[] args) throws InterruptedException {
    ArrayDeque<byte[]> kept = new ArrayDeque<>();
    int most = args[0].equals("churn") ? 120 : args[0].equals("plateau") ? 700 : Integer.MAX_VALUE;
    for (int i = 0; i < 1200; i++) {
      byte[][] garbage = new byte[args[0].equals("leak") ? 4 : 8][];
      for (int j = 0; j < garbage.length; j++) garbage[j] = new byte[256 << 10];
      kept.add(garbage[0]);
      if (kept.size() > most) kept.removeFirst();
      Thread.sleep(50);
    }
  }
}
