"""Classifiers of chest radiographs that learn from where radiologists looked: gaze as a sequence beside the picture
(image CNN, BiLSTM, attention), and gaze as a map to predict beside the findings (U-Net)."""
